package verbatim

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// window is room for every answer at once, so that no other frames need to be written.
const window = 1 << 24

// speak2 speaks HTTP/2 with one stream (RFC 9113).
func speak2(conn io.ReadWriter, r Request) (Answer, error) {
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return Answer{}, err
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := ask2(framer, r); err != nil {
		return Answer{}, err
	}
	var a Answer
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return Answer{}, err
		}
		over, err := a.take(framer, frame)
		if over || err != nil {
			return a, err
		}
	}
}

// ask2 writes the whole request.
func ask2(framer *http2.Framer, r Request) error {
	if err := framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}); err != nil {
		return err
	}
	if err := framer.WriteWindowUpdate(0, window); err != nil {
		return err
	}
	err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fields2(r), EndHeaders: true, EndStream: r.Body == ""})
	if err != nil || r.Body == "" {
		return err
	}
	return framer.WriteData(1, true, []byte(r.Body))
}

// fields2 is the field section of r.
func fields2(r Request) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	fields := [][2]string{{":method", r.Method}, {":scheme", "https"}, {":path", r.Target}}
	if r.Host != "" {
		fields = append(fields, [2]string{":authority", r.Host})
	}
	fields = append(fields, r.Header...)
	if r.Body != "" {
		fields = append(fields, [2]string{"content-length", strconv.Itoa(len(r.Body))})
	}
	for _, f := range fields {
		_ = encoder.WriteField(hpack.HeaderField{Name: strings.ToLower(f[0]), Value: f[1]}) // a buffer takes everything
	}
	return block.Bytes()
}

// take adds what a frame brings, and tells whether it was the last.
func (a *Answer) take(framer *http2.Framer, frame http2.Frame) (over bool, err error) {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return false, framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		return false, framer.WritePing(true, f.Data)
	case *http2.MetaHeadersFrame:
		a.fields(f)
		return f.StreamEnded(), nil
	case *http2.DataFrame:
		a.Body += string(f.Data())
		return f.StreamEnded(), nil
	case *http2.RSTStreamFrame:
		return true, unanswered(f.ErrCode, a.Status)
	case *http2.GoAwayFrame:
		return true, unanswered(f.ErrCode, a.Status)
	}
	return false, nil
}

// unanswered is the end of a stream before its answer. A server that needs no more of the body ends it so, too.
func unanswered(code http2.ErrCode, status int) error {
	if code == http2.ErrCodeNo && status != 0 {
		return nil
	}
	return io.ErrUnexpectedEOF
}

func (a *Answer) fields(f *http2.MetaHeadersFrame) {
	if a.Header == nil {
		a.Header = http.Header{}
	}
	for _, field := range f.Fields {
		if field.Name == ":status" {
			a.Status, _ = strconv.Atoi(field.Value)
			continue
		}
		a.Header.Add(field.Name, field.Value)
	}
}
