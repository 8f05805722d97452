import { defineConfig } from 'vite'
import react from '@vitejs/plugin-react'

// The API stays on the app's own origin: the development server passes it on.
const server = process.env.API || 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react()],
  server: { proxy: { '/v1': server, '/api': server } },
})
