'use strict';

// Drives the npm client for the tests. Each line of standard input is a request in
// JSON, each line of standard output the answer to one, in whatever order they are
// ready: calls that arrive together run in parallel, as in an application.
//
//   {"id": 1, "op": "open", "client": "a", "config": {...}}     new HatClient(config)
//   {"id": 2, "op": "call", "client": "a", "api": "hatData", "method": "create", "args": [...]}
//   {"id": 3, "op": "tokens", "client": "a"}                    what onTokenChange was given, in order
//
// An answer has the id, and a result or an error. It ends with its standard input.

const readline = require('readline');
const { HatClient } = require('@dataswift/hat-js');

const clients = new Map();

function open(name, config) {
	const tokens = [];
	const client = new HatClient({ ...config, onTokenChange: (token) => tokens.push(token) });
	clients.set(name, { client, tokens });
}

async function call({ client, api, method, args = [] }) {
	const result = await clients.get(client).client[api]()[method](...args);
	// An HTTP answer; what needs no call returns a plain value.
	if (result && typeof result === 'object' && 'parsedBody' in result) {
		return { status: result.status, token: result.token || '', body: result.parsedBody };
	}
	return { value: result };
}

async function answer(request) {
	switch (request.op) {
		case 'open':
			open(request.client, request.config);
			return {};
		case 'call':
			return call(request);
		case 'tokens':
			return { value: clients.get(request.client).tokens };
		default:
			throw new Error(`there is no operation ${request.op}`);
	}
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
	const request = JSON.parse(line);
	let reply;
	try {
		reply = { id: request.id, result: await answer(request) };
	} catch (e) {
		const cause = typeof e.cause === 'string' ? e.cause : String(e.cause || '');
		reply = { id: request.id, error: { message: e.message, cause, status: e.status || 0 } };
	}
	process.stdout.write(JSON.stringify(reply) + '\n');
});
