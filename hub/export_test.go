package hub

// Point does at once what Run does ten times a second.
func (h *Hub) Point() { h.tellMore() }
