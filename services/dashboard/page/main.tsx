import { render } from 'preact'
import { App } from './app.tsx'
import './style.css'

const place = document.getElementById('page')
if (place === null) throw new Error('index.html has lost its place for the page')
render(<App />, place)
