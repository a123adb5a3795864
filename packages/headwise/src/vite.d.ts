/** What Vite does to imports, which the browser tests use. */
/// <reference types="vite/client" />
