import { createRoot } from 'react-dom/client';
import '@mantine/core/styles.css';
import '@mantine/dates/styles.css';
import '@mantine/notifications/styles.css';
import '@mantine/spotlight/styles.css';
import './shell/base.css';
import { nonce } from './shell/nonce';
import { App } from './shell/app';

// react-remove-scroll, inside Mantine's dialogs, asks for it by this name
(globalThis as Record<string, unknown>).__webpack_nonce__ = nonce();

const root = document.getElementById('root');
if (root) createRoot(root).render(<App />);
