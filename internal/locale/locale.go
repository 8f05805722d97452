// Package locale reads the names of languages and chooses among the languages that
// have texts. The mails, the pages and the errors use it.
package locale

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

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

// Direction returns "rtl" for a language that is written from right to left, and
// "ltr" for any other.
func Direction(tag string) string {
	switch first, rest, _ := strings.Cut(Parse(tag), "-"); {
	case strings.HasPrefix(rest, "latn"):
	case slices.Contains([]string{"ar", "fa", "he", "iw", "ur", "ps", "sd", "ug", "yi", "dv", "ckb", "syr"}, first), strings.HasPrefix(rest, "arab"), strings.HasPrefix(rest, "hebr"):
		return "rtl"
	}
	return "ltr"
}

// renamed are the codes of languages that have a newer code (RFC 5646, section
// 4.5).
var renamed = map[string]string{"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro"}

// Canonical returns a BCP 47 tag in the spelling that RFC 5646 recommends
// (section 2.1.1), with "-" between its parts: "zh-Hant-HK", "en-GB". A language that
// has a newer code gets the newer code. It returns "" for a text that is no tag in
// the syntax of section 2.1.
func Canonical(tag string) string {
	tag = Parse(tag)
	if tag == "" {
		return ""
	}
	parts := strings.Split(tag, "-")
	if newer := renamed[parts[0]]; newer != "" {
		parts[0] = newer
	}
	// The order of the kinds of part: extended language, script, region, variant,
	// extension, private use.
	const language, script, region, variant, extension, private = 0, 1, 2, 3, 4, 5
	at := language
	for i, part := range parts[1:] {
		digits := strings.Trim(part, "0123456789") == ""
		letters := strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") == ""
		switch n := len(part); {
		case at == private:
		case n == 1:
			if i+2 == len(parts) || len(parts[i+2]) == 1 && part != "x" {
				return "" // nothing follows
			}
			at = extension
			if part == "x" {
				at = private
			}
		case at == extension:
		case n == 3 && letters && at == language && i < 3:
		case n == 4 && letters && at < script:
			parts[i+1], at = strings.ToUpper(part[:1])+part[1:], script
		case (n == 2 && letters || n == 3 && digits) && at < region:
			parts[i+1], at = strings.ToUpper(part), region
		case (n >= 5 || n == 4 && part[0] <= '9') && at <= variant:
			at = variant
		default:
			return ""
		}
	}
	return strings.Join(parts, "-")
}
