package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const linkHeader = "name,activation_link,expires_at\n"

func TestLinkFileKnowsWhoseLinksItHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.csv")
	f, err := openLinkFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.add("acme", "https://a/?code", "2031-01-01T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	if !f.holds("ACME") || f.holds("beta") {
		t.Error("what was added is not known")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("made with %v, %v", info.Mode(), err)
	}
	if f, err = openLinkFile(path); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !f.holds("Acme") || f.holds("beta") {
		t.Error("what was read is not known")
	}
	if text, _ := os.ReadFile(path); string(text) != linkHeader+"acme,https://a/?code,2031-01-01T00:00:00Z\n" {
		t.Errorf("it holds %q", text)
	}
}

// Wherever a power cut leaves the file, the next run goes on with whole lines.
func TestLinkFileCutOffAnywhereGoesOn(t *testing.T) {
	const whole = linkHeader + "acme,https://a/?1,2031-01-01T00:00:00Z\nbeta,https://a/?2,2031-01-01T00:00:00Z\n"
	for cut := range len(whole) + 1 {
		path := filepath.Join(t.TempDir(), "links.csv")
		if err := os.WriteFile(path, []byte(whole[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := openLinkFile(path)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		for name, link := range map[string]string{"acme": "https://a/?1", "beta": "https://a/?2"} {
			if f.holds(name) != strings.Contains(whole[:cut], name+","+link+",2031-01-01T00:00:00Z\n") {
				t.Errorf("cut at %d: holds %s: %t", cut, name, f.holds(name))
			}
			if !f.holds(name) {
				if err := f.add(name, link, "2031-01-01T00:00:00Z"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(path)
		if len(text) != len(whole) || !strings.HasPrefix(string(text), linkHeader) {
			t.Errorf("cut at %d, it ends as %q", cut, text)
		}
	}
}

func TestLinkFileThatIsNotSafeIsLeftAlone(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"readable by the group":  {linkHeader, 0o640, "can be used by others"},
		"writable by all":        {linkHeader, 0o602, "can be used by others"},
		"another file":           {"my notes\n", 0o600, "not a file of activation links"},
		"another file, one line": {"my notes", 0o600, "not a file of activation links"},
		"another CSV":            {"name,token,until\na,b,c\n", 0o600, "not a file of activation links"},
		"a line of two columns":  {linkHeader + "a,https://a/?secret\n", 0o600, "not a file of activation links"},
		"a stray quote":          {linkHeader + "a,https://a/?\"secret,x\n", 0o600, "not a file of activation links"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "links.csv")
			if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tc.mode); err != nil {
				t.Fatal(err)
			}
			_, err := openLinkFile(path)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			if text, _ := os.ReadFile(path); string(text) != tc.text {
				t.Errorf("it was changed to %q", text)
			}
		})
	}
}

func TestLinkFileFollowsNoSymbolicLink(t *testing.T) {
	folder := t.TempDir()
	target, path := filepath.Join(folder, "target"), filepath.Join(folder, "links.csv")
	for _, made := range []bool{false, true} {
		if made {
			if err := os.WriteFile(target, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_ = os.Remove(path)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		if _, err := openLinkFile(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("target there: %t: %v", made, err)
		}
		if text, err := os.ReadFile(target); made && len(text) > 0 || !made && err == nil {
			t.Errorf("the target holds %q, %v", text, err)
		}
	}
	if _, err := openLinkFile(folder); err == nil {
		t.Error("a folder was opened")
	}
}
