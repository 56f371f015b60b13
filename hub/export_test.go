package hub

// Point does immediately what Run does ten times a second while frames may be pending.
func (h *Hub) Point() { h.tellMore() }
