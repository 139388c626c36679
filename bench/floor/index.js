// The floor of the runtime: what a Worker with a Durable Object costs that does nothing else. The edge reads the object's answer
// and sends it on. `hop` touches no storage, `insert` writes one row, `create` runs the statements of a create in one
// transaction: settings, token, head, two look-ups of names, the user, the change.
const TABLES = `
  CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT) STRICT;
  CREATE TABLE IF NOT EXISTS users (key INTEGER PRIMARY KEY, user_name TEXT UNIQUE, external_id TEXT UNIQUE, value TEXT) STRICT;
  CREATE TABLE IF NOT EXISTS changes (seq INTEGER PRIMARY KEY, value TEXT) STRICT;
  INSERT OR IGNORE INTO settings VALUES ('scim', 'on'), ('token', 'acme');`;
const VALUE = JSON.stringify({ name: { givenName: "Ada", familyName: "Lovelace" }, emails: [{ type: "work", value: "ada@example.com" }] });

export class Org {
  constructor(state) {
    this.storage = state.storage;
    this.sql = state.storage.sql;
    this.sql.exec(TABLES);
  }

  async fetch(request) {
    const { pathname } = new URL(request.url);
    await request.text();
    const status = { "/hop": 200, "/insert": 201, "/create": 201 }[pathname] ?? 404;
    if (pathname === "/insert") this.sql.exec("INSERT INTO changes (value) VALUES (?)", VALUE);
    if (pathname === "/create") this.storage.transactionSync(() => this.create(crypto.randomUUID()));
    return new Response(VALUE, { status, headers: { "Content-Type": "application/scim+json" } });
  }

  create(name) {
    for (const key of ["scim", "token"]) this.sql.exec("SELECT value FROM settings WHERE name = ?", key).toArray();
    this.sql.exec("SELECT max(seq) FROM changes").toArray();
    this.sql.exec("SELECT key FROM users WHERE user_name = ?", name).toArray();
    this.sql.exec("SELECT key FROM users WHERE external_id = ?", name).toArray();
    this.sql.exec("INSERT INTO users (user_name, external_id, value) VALUES (?, ?, ?)", name, name, VALUE);
    this.sql.exec("INSERT INTO changes (value) VALUES (?)", VALUE);
  }
}

export class Registry {}

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/healthz") return new Response("ok");
    const answer = await env.ORG.get(env.ORG.idFromName("floor")).fetch(request);
    return new Response(await answer.text(), { status: answer.status, headers: answer.headers });
  },
};
