# config.def -> conf_keys.h: CONF_<section>_<key>, with '/' as '_', in the order of the rows.
BEGIN { print "/* made from config.def by conf_gen.awk */\n#ifndef FT_CONF_KEYS_H\n#define FT_CONF_KEYS_H\nenum conf_key {" }
/^CONF\(/ {
	row = $0
	sub(/^CONF\(/, "", row)
	split(row, part, ",")
	section = part[1]; key = part[2]
	gsub(/[ \t]/, "", section); gsub(/[ \t]/, "", key); gsub(/\//, "_", section)
	print "\tCONF_" (section == "" ? "" : section "_") key ","
}
END { print "\tCONF_KEYS\n};\n#endif" }
