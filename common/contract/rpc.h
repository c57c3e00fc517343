/*
 * rpc.h - clients -> queryd, and everybody -> a daemon's control socket: JSON over ZeroMQ, protocol 1.
 *
 * Transport: ROUTER at tcp://ADDRESS:9640 (queryd; CURVE when not loopback) and ipc://RUNDIR/ROLE.ctl
 *   (each daemon: status, counters, reload and its own).  Clients use DEALER.
 *   ipc://RUNDIR/queryd.gate: queryd again, for the gateway (ft-webd): a request there may have "on_behalf_of", the address of whoever
 *   it is made for (queryd/server.h).
 * Request: one frame, a JSON object {"v":1, "id": any string or number, "op": "…", "auth": {…}, …}.
 *   queryd's auth: {"user":…, "password":…} | {"key": 32 hex} | {"token": 32 hex}.
 * Reply: one frame, a JSON object {"v":1, "id": the request's, "ok": true, …}, then a payload frame if the
 *   object has "payload": "csv" | "ndjson" | "json".  "more": true: another reply to this request follows; progress
 *   replies are {"progress": {"rows_scanned", "rows_total", "elapsed_ms"}, "more": true}.
 * Error: {"ok": false, "error": {"code": word, "message": sentence, "at": JSON pointer or position}}.
 * Cancel: {"op": "cancel", "target": id of a request of the same connection}.
 * Keepalive: {"v":1, "ok":true, "keepalive":true, "more":true}, without an id, may come between replies (that is
 *   how a server finds out who has gone); clients ignore it.  REQ sockets never get one.
 * Control sockets answer, besides what their daemon adds:
 *   status    {"name", "pid", "version", "ready", "started_us", "config", "counters": {name: number}}
 *   counters  {"counters": {…}}
 *   reload    as SIGHUP; error "refused" with the problems of the file
 *   drain     answered (members as the daemon likes) when nothing is under way any more: ingest has stopped reading its sockets and its
 *             batches are done; tracker has taken every flow and emitted every delta; store has taken every slice
 *             and committed.  Asked in that order by `ft-ctl drain`, which then removes the rings and stages and
 *             sends SIGTERM; a drained daemon does nothing more until then.  The reply may come late (15 s and more).
 *   exporters (ingest) {"exporters": […]}, one object a source: "id", "address", "name" of its exporter, and the members
 *             of `sources` in docs/protocol/exporters.list.json
 *   exporters.list .get .set .forget (ingest) as docs/protocol has them, without auth: whoever may open the control
 *             socket may do all.  `forget` answers when every thread of ingest has dropped what it knew.
 *   switches.list (snmp) {"switches": [{"address", members of common/switches.def but secrets ("has_community" instead),
 *             "to_port", "owner", "state", "said", "device", "sends_to", "asked_us", "interfaces_known", "interfaces_us",
 *             "interfaces_said", "mibs": {"1.3": {"state", "said", "version", "interfaces", "samplers", "pollers", "owned",
 *             "refused", "rate_least", "rate_most"}, …}}, …]}
 *   switches.set {"address", "set": {member: value, …}} registers or changes, asks the device, and answers when it has
 *             (up to 5 minutes; "wait": false: at once) with {"switch": as in the list, "result": {"state", "said", …}}
 *   switches.refresh, switches.test (changes nothing), switches.forget (gives back first) {"address"}: answered alike
 * Bounds: frame 1 MiB, nesting 32, string 64 KiB; beyond them an error reply, the connection is kept.
 * Each operation has a JSON Schema of request and reply in docs/protocol/; tests hold real traffic to it.
 * A new optional member is a compatible change; a changed meaning bumps "v".
 */
#ifndef FT_CONTRACT_RPC_H
#define FT_CONTRACT_RPC_H

#define FT_RPC_VERSION 1
#define FT_RPC_MAX_FRAME (1u << 20)
#define FT_RPC_MAX_DEPTH 32u

/* error codes: RPC_ERROR(word, exit code of command line tools, HTTP status) */
#define FT_RPC_ERRORS(RPC_ERROR)                                                                              \
	RPC_ERROR("bad_request", 2, 400)      /* not JSON, nested too deep, wrong type, missing member; `at` says where */     \
	RPC_ERROR("unknown_op", 2, 400)                                                                       \
	RPC_ERROR("bad_filter", 2, 400)	      /* `at` is the position in the filter, from 1 */                \
	RPC_ERROR("bad_time", 2, 400)                                                                         \
	RPC_ERROR("too_large", 2, 400)                                                                        \
	RPC_ERROR("auth", 3, 401)	      /* not logged in, wrong name or password */                     \
	RPC_ERROR("must_change_password", 3, 403)                                                             \
	RPC_ERROR("throttled", 3, 429)                                                                        \
	RPC_ERROR("forbidden", 3, 403)                                                                        \
	RPC_ERROR("not_found", 1, 404)                                                                        \
	RPC_ERROR("exists", 1, 409)                                                                           \
	RPC_ERROR("refused", 1, 409)	      /* a rule forbids it; the message says which */                 \
	RPC_ERROR("cancelled", 1, 499)                                                                        \
	RPC_ERROR("limit", 1, 503)	      /* memory or time bound of a query */                           \
	RPC_ERROR("unavailable", 1, 503)      /* a daemon behind it does not answer */                        \
	RPC_ERROR("internal", 1, 500)

#endif
