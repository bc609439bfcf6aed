package badgerstore

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestMessages(t *testing.T) {
	for name, messages := range map[string][][]byte{
		"one":            {[]byte("m")},
		"an empty one":   {{}},
		"several":        {[]byte("a"), {}, []byte("b"), []byte("a")},
		"length of 0x80": {make([]byte, 0x80), make([]byte, 0x4000)},
	} {
		t.Run(name, func(t *testing.T) {
			var value []byte
			for _, message := range messages {
				value = appendMessage(value, message)
			}
			got, err := splitMessages(value)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(messages) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestMessagesRefusesDamage(t *testing.T) {
	for name, value := range map[string]string{
		"nothing":              "",
		"a newer format":       "\x02\x01m",
		"a message cut short":  "\x01\x02m",
		"a length cut short":   "\x01\x80",
		"a length of 2^64-1":   "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"a length beyond that": "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
	} {
		if got, err := splitMessages([]byte(value)); !errors.Is(err, errMessages) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func FuzzMessages(f *testing.F) {
	for _, seed := range []string{"", "\x01", "\x01\x00", "\x01\x01a\x00", "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x02\x01a"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		messages, err := splitMessages(value)
		if err != nil {
			return
		}
		again := []byte{messageFormat}
		for _, message := range messages {
			again = appendMessage(again, message)
		}
		// A length may be written longer than it need be, but not shorter.
		if len(again) > len(value) {
			t.Errorf("%x is split into %q, which takes %d bytes", value, messages, len(again))
		}
		got, err := splitMessages(again)
		if err != nil || !equal(got, messages) {
			t.Errorf("%x is split into %q, then into %q, %v", value, messages, got, err)
		}
	})
}

func equal(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
