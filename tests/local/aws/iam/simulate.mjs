// Evaluates generated calls with @cloud-copilot/iam-simulate: reads cases from a file, writes one result for each.
// Arguments: file with the cases, file for the results. It runs in the folder in which the package is installed.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const resolve = createRequire(path.join(process.cwd(), "index.js")).resolve;
const { runSimulation } = await import(pathToFileURL(resolve("@cloud-copilot/iam-simulate")).href);
const [casesFile, resultsFile] = process.argv.slice(2);

function name(policies) {
  return policies.map((policy, index) => ({ name: `policy-${index}`, policy }));
}

const results = [];
for (const each of JSON.parse(fs.readFileSync(casesFile, "utf8"))) {
  const simulation = {
    request: {
      principal: each.principal,
      action: each.action,
      resource: { resource: each.resource, accountId: each.account },
      contextVariables: each.context,
    },
    identityPolicies: name(each.identity),
    permissionBoundaryPolicies: each.boundary ? name(each.boundary) : undefined,
    sessionPolicy: each.session ?? undefined,
    resourcePolicy: each.resource_policy ?? undefined,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  };
  try {
    const found = await runSimulation(simulation, {});
    if (found.resultType === "single") {
      results.push({ result: found.overallResult, ignored: found.result.ignoredContextKeys ?? [] });
    } else {
      results.push({ error: JSON.stringify(found.errors ?? found.resultType).slice(0, 300) });
    }
  } catch (error) {
    results.push({ error: String(error).slice(0, 300) });
  }
}
fs.writeFileSync(resultsFile, JSON.stringify(results));
