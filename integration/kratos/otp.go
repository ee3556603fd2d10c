package kratos

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what RFC 6238 and Kratos use
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"
)

// OTP is the one-time password at a time (RFC 6238) under a key, which is in base32 without padding.
func OTP(key string, at time.Time) (string, error) {
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[len(sum)-1]&0xf:])&0x7fffffff%1_000_000), nil
}
