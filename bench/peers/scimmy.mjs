// scimmy-routers on express as its documentation sets it up: the resources in a map, filters by SCIMMY's own `match`.
// `node scimmy.mjs PORT TOKEN`.
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [port, token] = process.argv.slice(2);

function declare(Type) {
  const stored = new Map();
  const missing = (id) => new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
  SCIMMY.Resources.declare(Type)
    .ingress((resource, data) => {
      if (resource.id && !stored.has(resource.id)) throw missing(resource.id);
      const id = resource.id ?? randomUUID();
      const now = new Date().toISOString();
      const meta = { created: stored.get(id)?.meta.created ?? now, lastModified: now };
      const value = { ...JSON.parse(JSON.stringify(data)), id, meta };
      stored.set(id, value);
      return value;
    })
    .egress((resource) => {
      if (resource.id) {
        if (!stored.has(resource.id)) throw missing(resource.id);
        return stored.get(resource.id);
      }
      const all = [...stored.values()];
      return resource.filter ? resource.filter.match(all) : all;
    })
    .degress((resource) => {
      if (!stored.delete(resource.id)) throw missing(resource.id);
    });
}
declare(SCIMMY.Resources.User);
declare(SCIMMY.Resources.Group);

const handler = (request) => {
  if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("Authorization not detected!");
  return "bench";
};
const app = express();
app.use("/scim", new SCIMMYRouters({ type: "bearer", handler }));
app.listen(Number(port), "127.0.0.1", () => console.log(`ready /scim ${token}`));
