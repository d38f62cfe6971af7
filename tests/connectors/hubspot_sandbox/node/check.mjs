// Runs @hubspot/api-client against the sandbox at $BASE_URL and prints what it saw as JSON. It asserts nothing:
// test_official_node_client.py does. $LIMITED_URL is a portal with a burst of five calls.
import { Client } from '@hubspot/api-client';

const { BASE_URL, LIMITED_URL, ACCESS_TOKEN } = process.env;
const client = new Client({ accessToken: ACCESS_TOKEN, basePath: BASE_URL });
const limited = new Client({ accessToken: ACCESS_TOKEN, basePath: LIMITED_URL, numberOfApiCallRetries: 3, limiterOptions: {} });
const { crm } = client;
const seen = {};

async function statusOf(call) {
  try {
    await call();
    return 0;
  } catch (error) {
    return error.code;
  }
}

async function retries() {
  const calls = Array.from({ length: 7 }, () => limited.crm.owners.ownersApi.getPage());
  const searches = Array.from({ length: 7 }, () => limited.crm.companies.searchApi.doSearch({ limit: 1 }));
  const started = Date.now();
  const found = await Promise.all(searches);
  const searchSeconds = (Date.now() - started) / 1000;
  const answers = await Promise.all(calls);
  return {
    answers: answers.length,
    seconds: (Date.now() - started) / 1000,
    found: found.length,
    searchSeconds,
  };
}

const retrying = retries();

const companies = await crm.companies.getAll(undefined, undefined, ['name', 'industry'], undefined, ['deals']);
seen.companies = companies.length;
seen.dates = companies.every((company) => company.createdAt instanceof Date);
seen.inline = companies[0].associations.deals.results.map((entry) => entry.type);

const found = await crm.companies.searchApi.doSearch({
  filterGroups: [{ filters: [{ propertyName: 'numberofemployees', operator: 'GT', value: '500' }] }],
  sorts: ['-numberofemployees'],
  properties: ['name'],
  limit: 3,
});
seen.search = { total: found.total, first: found.results[0].properties.name, after: found.paging.next.after };

const read = await crm.companies.batchApi.read({ inputs: [{ id: '1000000001' }, { id: '5' }], properties: ['name'], propertiesWithHistory: [] });
seen.read = { names: read.results.map((one) => one.properties.name), numErrors: read.numErrors };
const updated = await crm.companies.batchApi.update({ inputs: [{ id: '1000000001', properties: { kam_tier: 'A' } }] });
seen.updated = updated.results[0].properties.kam_tier;
const task = { idProperty: 'kam_task_key', id: 'node-1', properties: { hs_timestamp: '2026-07-01T00:00:00Z' } };
const first = await crm.objects.batchApi.upsert('tasks', { inputs: [task] });
const again = await crm.objects.batchApi.upsert('tasks', { inputs: [task] });
seen.upserts = [first.results[0]._new, again.results[0]._new];
seen.invalid = await statusOf(() => crm.companies.batchApi.update({ inputs: [{ id: '1000000001', properties: { kam_tier: 'Z' } }] }));

const property = { name: 'node_id', label: 'Node', type: 'string', fieldType: 'text', groupName: 'companyinformation' };
await crm.properties.coreApi.create('companies', property);
seen.twin = await statusOf(() => crm.properties.coreApi.create('companies', property));
const properties = await crm.properties.coreApi.getAll('companies');
seen.properties = properties.results.map((one) => one.name).filter((name) => ['node_id', 'kam_tier', 'name'].includes(name));

await crm.associations.v4.basicApi.createDefault('tasks', first.results[0].id, 'companies', '1000000001');
const linked = await crm.associations.v4.batchApi.getPage('tasks', 'companies', { inputs: [{ id: first.results[0].id }] });
seen.linked = linked.results[0].to.map((one) => [String(one.toObjectId), one.associationTypes.map((kind) => kind.typeId)]);

seen.owners = (await crm.owners.ownersApi.getPage()).results.map((owner) => owner.email);
const pipelines = await crm.pipelines.pipelinesApi.getAll('deals');
seen.stages = pipelines.results[1].stages.map((stage) => stage.metadata.isClosed);

seen.retries = await retrying;
console.log(JSON.stringify(seen));
