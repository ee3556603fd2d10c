package keycloak

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// given are the ports that this process was given. Whoever has one may not listen on it yet.
var given sync.Map

// register is a file in which every process of this user has locked the bytes that are numbered as its ports, until it ends: the tests of
// several packages run at the same time.
var register = sync.OnceValues(func() (*os.File, error) {
	return os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("regrant-ports-%d", os.Getuid())), os.O_CREATE|os.O_RDWR, 0o600)
})

// reserve tells whether port is this process' from now on.
func reserve(port int) (bool, error) {
	file, err := register()
	if err != nil {
		return false, fmt.Errorf("reserving a port: %w", err)
	}
	if _, taken := given.LoadOrStore(port, true); taken { // of its own locks the system tells a process nothing
		return false, nil
	}
	err = syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK, Start: int64(port), Len: 1})
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return false, nil
	}
	return err == nil, err
}

// FreePort returns a TCP port of 127.0.0.1 that nobody listens on now, and never the same again, nor one that another process was given and
// that runs. It lies below those that systems take for outgoing connections, which would otherwise take it again before the server listens.
func FreePort() (int, error) {
	for range 100 {
		var draw [2]byte
		_, _ = rand.Read(draw[:]) // never fails (crypto/rand)
		port := 12_000 + int(binary.BigEndian.Uint16(draw[:]))%20_000
		if mine, err := reserve(port); err != nil {
			return 0, err
		} else if !mine {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("looking for a free port: 100 are taken")
}

// FreePorts are so many of them.
func FreePorts(n int) (ports []int, err error) {
	for range n {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}
