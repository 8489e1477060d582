#!/usr/bin/env bash
# Writes what tshark reads in a capture folder: `tshark.sh FOLDER > FOLDER/tshark.tsv`.
fields="frame.number ip.proto isakmp.exchangetype isakmp.messageid isakmp.flag_i isakmp.flag_r
isakmp.ispi isakmp.rspi isakmp.length isakmp.typepayload isakmp.notify.msgtype isakmp.enc.decrypted
isakmp.ikev2.integrity_checksum isakmp.frag.total isakmp.fragment esp.spi esp.sequence esp.icv_good
esp.icv_bad"
arguments=()
for field in $fields; do arguments+=(-e "$field"); done
config=$(mktemp -d)
trap 'rm -rf "$config"' EXIT
cp "$1/ikev2_decryption_table" "$1/esp_sa" "$config/"
WIRESHARK_CONFIG_DIR=$config tshark -n -r "$1/capture.pcap" -Y 'isakmp || esp' \
    -o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE \
    -T fields -E header=y -E separator=/t -E occurrence=a "${arguments[@]}" 2>/dev/null
