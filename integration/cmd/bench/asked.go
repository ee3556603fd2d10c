package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// asking has Caddy note the calls that the identity provider makes to the gateway while it signs a browser in: for the
// identity, and for the keys.
func asking(dir string) string {
	return `log {
		output file ` + accessLog(dir) + `
		format json
	}
	@others not path /recovery/oidc/token /recovery/oidc/jwks
	log_skip @others`
}

func accessLog(dir string) string { return filepath.Join(dir, "asked.log") }

// asked reads them, in the order in which they began.
func asked(dir string) (calls []span, err error) {
	f, err := os.Open(accessLog(dir))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); ; {
		if !lines.Scan() {
			return calls, lines.Err()
		}
		var line struct {
			Ended    float64 `json:"ts"`       // seconds since 1970
			Duration float64 `json:"duration"` // seconds
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, err
		}
		ended := time.Unix(0, int64(line.Ended*1e9))
		calls = append(calls, span{ended.Add(-seconds(line.Duration)), ended})
	}
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
