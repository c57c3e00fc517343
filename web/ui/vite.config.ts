import { defineConfig } from 'vitest/config';
import react from '@vitejs/plugin-react';

// `npm run dev` serves the sources and passes /api on to a running gateway: FLOWTROVE_WEB=http://127.0.0.1:9641
const gateway = process.env.FLOWTROVE_WEB ?? 'http://127.0.0.1:9641';

export default defineConfig({
	plugins: [react()],
	logLevel: process.argv.includes('build') ? 'warn' : 'info',
	resolve: { alias: { '@': new URL('./src', import.meta.url).pathname } },
	server: { fs: { allow: ['../..'] }, proxy: {
			'/api': {
				target: gateway,
				secure: false,
				// the gateway takes a cookie only from pages of its own
				configure: (proxy) => proxy.on('proxyReq', (r) => ['origin', 'sec-fetch-site'].forEach((h) => r.removeHeader(h))),
			},
		},
	},
	build: {
		outDir: process.env.WEB_OUT ?? '../../build/web',
		emptyOutDir: true,
		manifest: true,
		target: 'es2022',
		assetsInlineLimit: 0, // the content security policy has no data: for scripts and fonts
		chunkSizeWarningLimit: 1200,
		modulePreload: { polyfill: false },
	},
	test: { include: ['src/**/*.test.{ts,tsx}'], environment: 'node' },
});
