package keyring

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// parseCertificateAnswer reads the answer of a certificate endpoint: a JSON object
// whose member cert has certificates as PEM.
func parseCertificateAnswer(text []byte) ([]publicKey, error) {
	if !strictObject(text) {
		return nil, errors.New("answer is not a JSON object")
	}
	cert, ok := memberText(text, "cert")
	if !ok {
		return nil, errors.New("answer has no certificate: its member cert is not a text")
	}
	return parsePEM([]byte(cert))
}

// parsePEM reads certificates and public keys (RFC 7468, sections 5 and 13), one at
// least. Those that cannot verify signatures here are left out, and it is an error if
// nothing is left.
//
// Of a certificate only the key counts. Its dates mean nothing: issuers sign with the
// same key long after its certificate has expired, and whom it was made for and by whom
// says nothing either, since it is self-signed and trusted for where it was found.
func parsePEM(text []byte) (keys []publicKey, err error) {
	for blocks := 0; ; blocks++ {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if blocks == maxKeys {
			return nil, fmt.Errorf("more than %d certificates", maxKeys)
		}
		text = rest
		var key any
		switch block.Type {
		case "CERTIFICATE":
			if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
				key = cert.PublicKey
			}
		case "PUBLIC KEY":
			key, _ = x509.ParsePKIXPublicKey(block.Bytes)
		default:
			return nil, fmt.Errorf("PEM block %.40q is neither a certificate nor a public key", block.Type)
		}
		// A certificate that was renewed has the key of the former one.
		if k := (publicKey{key: key}); usable(key) && !slices.ContainsFunc(keys, k.equal) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no usable key in PEM")
	}
	return keys, nil
}

// readKeys reads a file of keys: a JSON Web Key Set, or PEM.
func readKeys(path string) ([]publicKey, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	parse := parsePEM
	if bytes.HasPrefix(bytes.TrimLeft(text, space), []byte("{")) {
		parse = parseKeySet
	}
	keys, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return keys, nil
}

func readFile(path string) ([]byte, error) {
	// Not a pipe, which would keep whoever opens it waiting.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBody {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxBody)
	}
	return text, nil
}
