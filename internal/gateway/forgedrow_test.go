package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/attesttest/wallet"
	"github.com/regrant/regrant/attest/sshsig"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
)

// burglar can write the store, and holds an SSH key of his own.
type burglar struct {
	*resident
	key       *wallet.SSHKey
	handle    []byte // of his key
	aliceRow  []byte // key of the row of alice's SSH key
	aliceText []byte // the record in it, without its MAC
	aliceMAC  []byte
	forged    []byte // the same record with his key in it
}

const macSize = 32

func newBurglar(t *testing.T) *burglar {
	t.Helper()
	b := &burglar{resident: newResident(t, nil), key: wallet.NewSSHKey(t, attesttest.NewKey(t))}
	hers, his := b.enrols(b.having(attest.MethodSSHKey)), b.enrols(b.key)
	b.handle = his.Value
	for key, row := range b.h.stored() {
		value := row[len(key)+1:]
		if strings.HasPrefix(key, "main/authenticator\x00r") && bytes.Contains(value, std(hers.Value)) {
			b.aliceRow, b.aliceText, b.aliceMAC = []byte(key), value[:len(value)-macSize], value[len(value)-macSize:]
		}
	}
	if b.aliceRow == nil {
		t.Fatal("no row of alice's SSH key")
	}
	b.forged = bytes.Replace(bytes.Replace(b.aliceText, std(hers.Value), std(his.Value), 1), std(hers.Reference), std(his.Reference), 1)
	return b
}

func std(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }

// enrols is what the format would have stored of a key; anybody can compute that.
func (b *burglar) enrols(a wallet.Authenticator) attest.Handle {
	b.h.t.Helper()
	made, err := sshsig.New(sshsig.Config{Issuer: issuer}).Finish(attest.Enrolling{}, nil, a.Finish(nil, attest.EnrolmentText(attest.Enrolling{}, a.Method())))
	must(b.h.t, err)
	return made.Handles[0]
}

// puts writes rows past every check.
func (b *burglar) puts(rows map[string][]byte) {
	b.h.t.Helper()
	must(b.h.t, b.h.DB.Update(b.h.t.Context(), func(tx storage.Tx) error {
		for key, value := range rows {
			if err := tx.Put([]byte(key), value, time.Time{}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// index is the key of the row that leads from a handle to an authenticator.
func index(handle []byte) string {
	return "main/authenticator\x00uhandle\x00" + string(append(binary.BigEndian.AppendUint32(nil, uint32(len(handle))), handle...))
}

// Each row is what a burglar could write. The last shows that he would be let in, if only he could make the MAC.
func TestARowThatWasWrittenByHandIsNotBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		rows     func(b *burglar) map[string][]byte
		believed bool
	}{
		"an index that leads to alice's authenticator": {rows: func(b *burglar) map[string][]byte {
			return map[string][]byte{index(b.handle): []byte(b.id())}
		}},
		"his key in alice's row, with its MAC": {rows: func(b *burglar) map[string][]byte {
			return map[string][]byte{string(b.aliceRow): append(bytes.Clone(b.forged), b.aliceMAC...), index(b.handle): []byte(b.id())}
		}},
		"without any MAC": {rows: func(b *burglar) map[string][]byte {
			return map[string][]byte{string(b.aliceRow): b.forged, index(b.handle): []byte(b.id())}
		}},
		"MAC of another key": {rows: func(b *burglar) map[string][]byte {
			return map[string][]byte{string(b.aliceRow): b.h.Ring.Sealer(keys.Handle).Seal(b.aliceRow, b.forged), index(b.handle): []byte(b.id())}
		}},
		"MAC of another row": {rows: func(b *burglar) map[string][]byte {
			return map[string][]byte{string(b.aliceRow): b.h.Ring.Sealer(keys.Record).Seal([]byte("main/authenticator\x00rX"), b.forged), index(b.handle): []byte(b.id())}
		}},
		"sealed for its place": {believed: true, rows: func(b *burglar) map[string][]byte {
			return map[string][]byte{string(b.aliceRow): b.h.Ring.Sealer(keys.Record).Seal(b.aliceRow, b.forged), index(b.handle): []byte(b.id())}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBurglar(t)
			b.puts(c.rows(b))
			w := b.brings(func(st string) []string { return []string{string(b.key.Evidence(st))} })
			if (w.Code == 200) != c.believed {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// Alice's own authenticator no longer counts once its row was changed or moved, be it back to an older version.
func TestARowThatWasChangedIsNoLongerRead(t *testing.T) {
	for name, change := range map[string]func(b *burglar) map[string][]byte{
		"another version": func(b *burglar) map[string][]byte {
			older := append(append([]byte{1}, b.aliceText[1:]...), b.aliceMAC...)
			return map[string][]byte{string(b.aliceRow): older}
		},
		"a row copied from another authenticator": func(b *burglar) map[string][]byte {
			for key, row := range b.h.stored() {
				if strings.HasPrefix(key, "main/authenticator\x00r") && key != string(b.aliceRow) {
					return map[string][]byte{string(b.aliceRow): row[len(key)+1:]}
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBurglar(t)
			own := func(st string) []string { return []string{string(b.having(attest.MethodSSHKey).Evidence(st))} }
			if w := b.brings(own); w.Code != 200 {
				t.Fatalf("the good case: %d %s", w.Code, w.Body)
			}
			b = newBurglar(t)
			b.puts(change(b))
			if w := b.brings(own); w.Code == 200 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// id is that of alice's authenticator.
func (b *burglar) id() string {
	_, id, _ := strings.Cut(string(b.aliceRow), "\x00r")
	return id
}
