// Beside every built text file its .gz and .br, so that the server never compresses.  index.html gets a nonce at each
// request and stays as it is.
import { readdirSync, readFileSync, writeFileSync, statSync } from 'node:fs';
import { join, extname } from 'node:path';
import { brotliCompressSync, gzipSync, constants } from 'node:zlib';

const root = process.env.WEB_OUT ?? '../../build/web';
const TEXT = new Set(['.js', '.css', '.svg', '.json', '.webmanifest', '.txt', '.map']);
for (const name of readdirSync(root, { recursive: true })) {
	const file = join(root, String(name));
	if (!TEXT.has(extname(file)) || !statSync(file).isFile()) continue;
	const data = readFileSync(file);
	writeFileSync(file + '.gz', gzipSync(data, { level: 9 }));
	writeFileSync(file + '.br', brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length } }));
}
