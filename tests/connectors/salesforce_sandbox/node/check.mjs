// jsforce, which nobody here wrote, against the Salesforce sandbox. Prints one JSON object of what it saw.
import jsforce from 'jsforce';

const { BASE_URL, SF_USERNAME, SF_PASSWORD } = process.env;
const seen = {};

const conn = new jsforce.Connection({ loginUrl: BASE_URL, version: '60.0' });
const user = await conn.login(SF_USERNAME, SF_PASSWORD);
seen.login = [user.id.slice(0, 3), user.organizationId.slice(0, 3)];

const versions = await (await fetch(`${BASE_URL}/services/data`)).json();
seen.versions = versions.some((one) => one.version === '60.0');

// query with queryMore, over a page of 2,000
let page = await conn.query('SELECT Id, Name, Account.Name FROM Opportunity ORDER BY Id');
let count = page.records.length;
seen.pages = 1;
while (!page.done) {
  page = await conn.queryMore(page.nextRecordsUrl);
  count += page.records.length;
  seen.pages += 1;
}
seen.opportunities = [count, page.totalSize];

const global = await conn.describeGlobal();
seen.global = global.sobjects.some((one) => one.name === 'Account');
const account = await conn.sobject('Account').describe();
seen.describe = account.fields.find((one) => one.name === 'OwnerId').referenceTo;

// create, update, upsert of arrays
const created = await conn.sobject('Account').create([{ Name: 'Node Eins' }, { Name: 'Node Zwei' }, { Website: 'no name' }], { allOrNone: false });
seen.created = created.map((one) => one.success);
seen.refusal = created[2].errors[0].statusCode;
const ids = created.slice(0, 2).map((one) => one.id);
const updated = await conn.sobject('Account').update(ids.map((Id, i) => ({ Id, NumberOfEmployees: 10 + i })));
seen.updated = updated.map((one) => one.success);
const read = await conn.sobject('Account').retrieve(ids);
seen.read = read.map((one) => [one.Name, one.NumberOfEmployees]);
const upserted = await conn.sobject('Task').upsert(
  [{ KAM_Task_Key__c: 'node:1', Subject: 'One', WhatId: ids[0] }, { KAM_Task_Key__c: 'node:2', Subject: 'Two', WhatId: ids[1] }],
  'KAM_Task_Key__c',
);
const again = await conn.sobject('Task').upsert([{ KAM_Task_Key__c: 'node:1', Subject: 'One more' }], 'KAM_Task_Key__c');
seen.upserted = [...upserted, ...again].map((one) => [one.success, one.created]);

// Bulk 2.0: ingest and query
conn.bulk2.pollInterval = 50;
const loaded = await conn.bulk2.loadAndWaitForResults({
  object: 'Account',
  operation: 'insert',
  input: [{ Name: 'Node Bulk Uno' }, { Name: 'Node Bulk "Dos", S.L.' }, { Name: 'x'.repeat(300) }],
});
seen.bulk = [loaded.successfulResults.length, loaded.failedResults.length, loaded.failedResults[0].sf__Error.split(':')[0]];
const stream = await conn.bulk2.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Node Bulk%' ORDER BY Name");
seen.bulkQuery = (await stream.toArray()).map((one) => one.Name);

const removed = await conn.sobject('Account').destroy(ids);
seen.removed = removed.map((one) => one.success);
try {
  await conn.query('SELECT Nothing__c FROM Account');
} catch (error) {
  seen.invalid = error.errorCode;
}
seen.limit = conn.limitInfo.apiUsage.limit;
console.log(JSON.stringify(seen));
