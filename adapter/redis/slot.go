package redis

import "strings"

// slots is the number of hash slots of a Cluster.
const slots = 16384

// slot returns the hash slot of a key: the CRC-16 (XMODEM) of the text between its first braces, or of the
// whole key (Redis Cluster specification, "Keys distribution model").
func slot(key string) uint16 {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			key = tag
		}
	}
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % slots
}
