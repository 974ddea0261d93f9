"""All that crosses a boundary, one module per noun: frozen structs, and the pure rules that both sides need."""
