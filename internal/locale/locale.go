// Package locale chooses among the languages that have texts. The mails and the
// pages use it.
package locale

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// kin are the languages whose readers also read another language, as CLDR lists
// them.
var kin = map[string]string{
	"gsw": "de", "nds": "de", "lb": "de", "ksh": "de", "bar": "de", "ain": "ja", "ryu": "ja",
}

// longest is how many characters of a tag, and of a header, are read.
const (
	longest       = 35
	longestHeader = 1024
)

// Parse returns a BCP 47 tag in the form that this package compares: lower
// case, with "-" between its parts. It also accepts "_". It returns "" for a
// text that is not a tag.
func Parse(tag string) string {
	tag = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(tag), "_", "-"))
	// POSIX adds a charset and a variant: "de_DE.UTF-8", "ca_ES@valencia".
	if end := strings.IndexAny(tag, ".@"); end >= 0 {
		tag = tag[:end]
	}
	if len(tag) > longest {
		return ""
	}
	for i, part := range strings.Split(tag, "-") {
		if part == "" || len(part) > 8 || strings.ContainsFunc(part, func(r rune) bool { return (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') }) {
			return ""
		}
		if i == 0 && (len(part) < 2 || len(part) > 3) {
			return ""
		}
	}
	return tag
}

// Chain returns a tag and its less exact forms, the most exact first:
// "zh-hant-hk", "zh-hant", "zh". It returns nothing for a text that is not a
// tag.
func Chain(tag string) []string {
	tag = Parse(tag)
	var chain []string
	for tag != "" {
		chain = append(chain, tag)
		end := max(strings.LastIndexByte(tag, '-'), 0)
		tag = tag[:end]
		// A single letter only announces the next part ("de-u-co-phonebk").
		if len(tag) > 2 && tag[len(tag)-2] == '-' {
			tag = tag[:len(tag)-2]
		}
	}
	return chain
}

// Match returns the first language of have that fits the first possible entry
// of wanted, or "". The languages of have are in the form of Parse.
func Match(wanted []string, have []string) string {
	for _, tag := range wanted {
		chain := Chain(tag)
		for _, candidate := range chain {
			if slices.Contains(have, candidate) {
				return candidate
			}
		}
		if len(chain) > 0 {
			if relative := kin[chain[len(chain)-1]]; slices.Contains(have, relative) {
				return relative
			}
		}
	}
	return ""
}

// Accepted lists the tags of an Accept-Language header, the most wanted first.
// It leaves out unreadable tags, refused tags (q=0) and "*".
func Accepted(header string) []string {
	type choice struct {
		tag    string
		weight float64
	}
	var choices []choice
	for item := range strings.SplitSeq(header[:min(len(header), longestHeader)], ",") {
		tag, parameters, _ := strings.Cut(item, ";")
		c := choice{Parse(tag), 1}
		if name, value, ok := strings.Cut(strings.ReplaceAll(parameters, " ", ""), "="); ok && strings.EqualFold(name, "q") {
			weight, err := strconv.ParseFloat(value, 64)
			if err != nil || !(weight >= 0 && weight <= 1) {
				continue
			}
			c.weight = weight
		}
		if c.tag != "" && c.weight > 0 {
			choices = append(choices, c)
		}
	}
	slices.SortStableFunc(choices, func(a, b choice) int { return cmp.Compare(b.weight, a.weight) })
	var tags []string
	for _, c := range choices {
		tags = append(tags, c.tag)
	}
	return tags
}
