package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/load"
)

// work is the cryptography that a request cannot do without, in operations: ES256 signatures over P-256, and the sealing
// of a recovery_id with XChaCha20-Poly1305.
type work struct{ Verifies, Signs, Seals int }

// What each kind of request cannot do without.
var (
	initiateWork = work{Verifies: 1, Seals: 1}                    // the proof of possession; the recovery_id
	attestWork   = work{Verifies: 3, Signs: 1, Seals: 1}          // proof, certificate, statement; the recovery token; the recovery_id
	redeemWork   = work{Verifies: 2}                              // proof, recovery token
	message      = make([]byte, 512)                              // about as long as what is signed here
	sealing, _   = chacha20poly1305.NewX(make([]byte, 32))        // fails for another length only
	bareKey      = claimant.NewKey()                              // one for all: nothing here depends on the key
	bareProof, _ = ecdsa.SignASN1(rand.Reader, bareKey, digest()) // the random source does not fail
)

func digest() []byte {
	sum := sha256.Sum256(message)
	return sum[:]
}

// bare does nothing but the work, for a while, with as many workers as the requests come over connections.
func (w work) bare(ctx context.Context, workers int, d time.Duration) measure {
	return func() (load.Result, error) {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		var done atomic.Int64
		var running sync.WaitGroup
		began := time.Now()
		for range workers {
			running.Go(func() {
				for ctx.Err() == nil {
					w.once()
					done.Add(1)
				}
			})
		}
		running.Wait()
		return load.Result{Elapsed: time.Since(began), Latencies: make([]time.Duration, done.Load())}, nil
	}
}

func (w work) once() {
	for range w.Verifies {
		ecdsa.VerifyASN1(&bareKey.PublicKey, digest(), bareProof)
	}
	for range w.Signs {
		_, _ = ecdsa.SignASN1(rand.Reader, bareKey, digest())
	}
	for range w.Seals {
		nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(message)+chacha20poly1305.Overhead)
		_, _ = rand.Read(nonce)
		sealing.Seal(nonce, nonce, message, nil)
	}
}
