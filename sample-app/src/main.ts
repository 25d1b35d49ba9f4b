import { createApp } from './app.js';
import { readConfig } from './config.js';

const config = readConfig(process.env);
const app = await createApp(config);
// Node's 5 s close idle connections under clients that are about to use them again (`other side closed`).
app.getHttpServer().keepAliveTimeout = 65_000;
await app.listen(config.port, '127.0.0.1');
const { port } = app.getHttpServer().address() as { port: number };
console.log(`The sample app listens on http://127.0.0.1:${port} (routes: http://127.0.0.1:${port}/docs)`);
