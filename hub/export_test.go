package hub

// Point does immediately what Run does ten times a second.
func (h *Hub) Point() { h.tellMore() }
