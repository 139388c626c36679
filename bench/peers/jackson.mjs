// BoxyHQ's Jackson (Ory Polis) as an npm library on express, as its documentation sets it up: one directory, in memory or on
// SQLite. `node jackson.mjs PORT TOKEN [FILE]`; the directory has a token of its own, which the first line names.
import jackson from "@boxyhq/saml-jackson";
import express from "express";

const [port, , file] = process.argv.slice(2);
const origin = `http://127.0.0.1:${port}`;
const PATH = "/api/scim/v2.0";
process.env.DO_NOT_TRACK = "1";

const db = file ? { engine: "sql", type: "sqlite", url: file } : { engine: "mem" };
const quiet = { info: () => {}, warn: console.error, error: console.error };
const { directorySyncController } = await jackson.controllers({ externalUrl: origin, samlPath: "/sso", acsUrl: `${origin}/acs`, samlAudience: "bench", scimPath: PATH, db, logger: quiet });
const made = await directorySyncController.directories.create({ tenant: "bench", product: "bench", type: "generic-scim-v2", name: "bench" });
if (made.error) throw new Error(made.error.message);
const directory = made.data;

const app = express();
app.use(express.json({ type: ["application/json", "application/scim+json"], limit: "16mb" }));
app.all(`${PATH}/:directory/:type{/:id}`, async (request, response) => {
  const { count, startIndex, filter } = request.query;
  const query = { count: count && Number(count), startIndex: startIndex && Number(startIndex), filter };
  const asked = {
    method: request.method,
    body: request.body,
    directoryId: request.params.directory,
    resourceType: request.params.type.toLowerCase(),
    resourceId: request.params.id,
    apiSecret: (request.header("Authorization") ?? "").replace(/^Bearer /, ""),
    query,
  };
  const { status, data } = await directorySyncController.requests.handle(asked, async () => {});
  response.status(status).json(data);
});
app.listen(Number(port), "127.0.0.1", () => console.log(`ready ${PATH}/${directory.id} ${directory.scim.secret}`));
