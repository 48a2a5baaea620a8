// Nothing: what Node.js costs by itself.
