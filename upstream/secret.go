package upstream

import (
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
)

// TakesSecret tells, by what a token endpoint answers a client that asks for
// nothing it could be given, whether it takes the client's secret (RFC 6749,
// section 5.2). Keycloak calls a wrong one unauthorized_client.
func TakesSecret(answer Response) (bool, error) {
	var said struct {
		Error string `json:"error"`
	}
	if answer.JSON && json.Unmarshal(answer.Body, &said) == nil {
		switch {
		case answer.Status == http.StatusUnauthorized && (said.Error == "invalid_client" || said.Error == "unauthorized_client"):
			return false, nil
		case answer.Status == http.StatusBadRequest && said.Error != "":
			return true, nil
		}
	}
	return false, fmt.Errorf("trying a secret: %w: status %d is not the answer expected", ErrUnavailable, answer.Status)
}
