package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/parley-server/parley"
)

// A message is one record (RFC 8188) of at most 4,096 bytes, which every push service takes (RFC 8030, section 7.2):
//
//	salt 16 │ record size 4 │ 65 │ server's public key 65 │ plaintext │ 0x02 │ tag 16
const (
	recordSize = 4096
	saltSize   = 16
	keySize    = 65
	headSize   = saltSize + 4 + 1 + keySize
	tagSize    = 16
	maxPlain   = recordSize - headSize - 1 - tagSize
)

// encrypt encrypts a message for a browser with a new key and salt. The error is ErrGone if nothing can be encrypted for it.
func encrypt(plain []byte, s parley.Subscription) ([]byte, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key for a notification: %w", err)
	}
	var salt [saltSize]byte
	rand.Read(salt[:]) // never fails
	return encryptWith(plain, s, private, salt)
}

// encryptWith follows RFC 8291, section 3.4.
func encryptWith(plain []byte, s parley.Subscription, private *ecdh.PrivateKey, salt [saltSize]byte) ([]byte, error) {
	browser, err := ecdh.P256().NewPublicKey(s.P256DH)
	if err != nil || len(s.Auth) != 16 {
		return nil, fmt.Errorf("%w: the keys of its subscription are not valid", parley.ErrGone)
	}
	shared, err := private.ECDH(browser)
	if err != nil {
		return nil, fmt.Errorf("%w: the keys of its subscription are not valid", parley.ErrGone)
	}
	public := private.PublicKey().Bytes()
	var fail error
	derive := func(secret, salt []byte, info string, length int) []byte {
		key, err := hkdf.Key(sha256.New, secret, salt, info, length)
		if err != nil {
			fail = err
		}
		return key
	}
	secret := derive(shared, s.Auth, "WebPush: info\x00"+string(s.P256DH)+string(public), 32)
	key := derive(secret, salt[:], "Content-Encoding: aes128gcm\x00", 16)
	nonce := derive(secret, salt[:], "Content-Encoding: nonce\x00", 12)
	if fail != nil {
		return nil, fmt.Errorf("derive the key of a notification: %w", fail)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("encrypt a notification: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("encrypt a notification: %w", err)
	}
	out := make([]byte, 0, headSize+len(plain)+1+tagSize)
	out = append(out, salt[:]...)
	out = binary.BigEndian.AppendUint32(out, recordSize)
	out = append(out, keySize)
	out = append(out, public...)
	last := append(plain[:len(plain):len(plain)], 2) // the delimiter of the last record
	return gcm.Seal(out, nonce, last, nil), nil
}
