import { createApp } from './app.js';
import { readConfig } from './config.js';

const config = readConfig(process.env);
const app = await createApp(config);
await app.listen(config.port, '127.0.0.1');
const { port } = app.getHttpServer().address() as { port: number };
console.log(`The sample app listens on http://127.0.0.1:${port} (routes: http://127.0.0.1:${port}/docs)`);
