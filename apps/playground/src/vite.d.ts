/** What Vite does to imports: files as addresses, folders as lists. */
/// <reference types="vite/client" />
