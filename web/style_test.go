package web

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
)

// TestContrast checks the colours of both schemes against WCAG 2.2: 4.5 to 1 for
// text (1.4.3), 3 to 1 for what else must be seen (1.4.11).
func TestContrast(t *testing.T) {
	light, dark, found := strings.Cut(style, "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("no dark colours")
	}
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		colours := make(map[string]string)
		for _, m := range regexp.MustCompile(`--([\w-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
			colours[m[1]] = m[2]
		}
		for _, pair := range []struct {
			front, back string
			least       float64
		}{{"ink", "paper", 7}, {"on-accent", "accent", 4.5}, {"accent", "paper", 3}, {"rule", "paper", 3}} {
			a, b := luminance(t, colours[pair.front]), luminance(t, colours[pair.back])
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < pair.least {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want %v", scheme, pair.front, pair.back, ratio, pair.least)
			}
		}
	}
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var rgb [3]uint8
	if _, err := fmt.Sscanf(colour, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		t.Fatalf("colour %q: %v", colour, err)
	}
	var l float64
	for k, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(rgb[k]) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}

func TestFocusIsVisible(t *testing.T) {
	if !strings.Contains(style, ":focus-visible { outline: 3px") || strings.Contains(style, "outline: none") {
		t.Error("whoever uses the keyboard does not see where they are")
	}
}
