// DuckDB on the same sessions as CSV: one thread, warm medians, addresses as UHUGEINT.
// node ask.mjs SESSIONS.csv QUESTIONS.json: {"name": "SQL", …} -> {"name": {"ms", "rows": [[key…, value]…]}, …}
import { readFileSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'

const ROUNDS = 5
const [csv, questions] = process.argv.slice(2)
const connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect()
await connection.run(`CREATE TABLE s AS SELECT * FROM read_csv('${csv}', header = true, columns = {
  'client': 'UHUGEINT', 'server': 'UHUGEINT', 'client_port': 'USMALLINT', 'server_port': 'USMALLINT', 'proto': 'UTINYINT',
  'bytes': 'UBIGINT'})`)
const answers = {}
for (const [name, sql] of Object.entries(JSON.parse(readFileSync(questions, 'utf8')))) {
  const took = []
  let rows
  for (let i = 0; i <= ROUNDS; i++) {
    const begin = performance.now()
    rows = (await connection.runAndReadAll(sql)).getRows()
    if (i > 0) took.push(performance.now() - begin)
  }
  took.sort((a, b) => a - b)
  answers[name] = { ms: took[ROUNDS >> 1], rows: rows.map((r) => r.map(String)) }
}
console.log(JSON.stringify(answers))
