//! Wireshark's `ikev2_decryption_table` and `esp_sa`: a line for each SA, fields between commas.

use std::net::IpAddr;

use ikelab_wire::ike::{EspSpi, IkeSpi};

use super::names::{Unnamed, esp_algorithms, ike_algorithms};
use super::{EspKeys, IkeKeys, KeyTable, OURS};
use crate::Problem;

/// A field and the column it begins at, counted from 1.
struct Field {
    text: String,
    column: usize,
}

/// What is wrong with a line, and at which column.
struct Flaw {
    column: usize,
    what: String,
}

impl Field {
    fn flaw(&self, what: impl Into<String>) -> Flaw {
        Flaw { column: self.column, what: what.into() }
    }

    fn hex(&self) -> Result<Vec<u8>, Flaw> {
        let digits = self.text.strip_prefix("0x").unwrap_or(&self.text);
        hex::decode(digits).map_err(|why| self.flaw(format!("not hexadecimal: {why}")))
    }

    fn ike_spi(&self) -> Result<IkeSpi, Flaw> {
        let spi = IkeSpi::from_octets(&self.hex()?);
        spi.ok_or_else(|| self.flaw("an SPI of IKE has 16 hex digits"))
    }

    /// `*` is any address.
    fn address(&self) -> Result<Option<IpAddr>, Flaw> {
        match self.text.as_str() {
            "*" => Ok(None),
            text => {
                let address = text.parse().map(Some);
                address.map_err(|_| self.flaw(format!("\"{text}\" is neither an address nor *")))
            }
        }
    }

    /// `*` is any SPI.
    fn esp_spi(&self) -> Result<Option<EspSpi>, Flaw> {
        if self.text == "*" {
            return Ok(None);
        }
        let number = match self.text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => self.text.parse(),
        };
        number
            .map(|number| Some(EspSpi(number)))
            .map_err(|_| self.flaw(format!("\"{}\" is neither an SPI nor *", self.text)))
    }

    /// Hexadecimal behind `0x`; anything else is the key itself, as text.
    fn esp_key(&self) -> Result<Vec<u8>, Flaw> {
        if self.text.starts_with("0x") { self.hex() } else { Ok(self.text.clone().into_bytes()) }
    }
}

impl KeyTable {
    /// Adds what stands in an `ikev2_decryption_table`. A bad line becomes a problem, `file:1:20:
    /// …`, and the others count.
    pub fn read_ike(&mut self, file: &str, text: &str) -> Vec<Problem> {
        each_line(file, text, |fields| {
            ike_line(fields)
                .and_then(|(keys, at)| self.add_ike(keys).map_err(|what| Flaw { column: at, what }))
        })
    }

    /// Adds what stands in an `esp_sa` table. A bad line becomes a problem, and the others count.
    pub fn read_esp(&mut self, file: &str, text: &str) -> Vec<Problem> {
        each_line(file, text, |fields| {
            esp_line(fields)
                .and_then(|(keys, at)| self.add_esp(keys).map_err(|what| Flaw { column: at, what }))
        })
    }
}

fn each_line(
    file: &str,
    text: &str,
    mut read: impl FnMut(&[Field]) -> Result<(), Flaw>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let (line, before) = match line.strip_prefix(OURS) {
            Some(line) => (line, OURS.len()),
            None => (line, 0),
        };
        let begin = line.trim_start();
        if begin.is_empty() || begin.starts_with('#') {
            continue;
        }
        if let Err(Flaw { column, what }) = read(&fields(line)) {
            let (row, column) = (place + 1, before + column);
            problems.push(Problem::file(format!("{file}:{row}:{column}: {what}")));
        }
    }
    problems
}

/// Parts a line at its commas; a field may stand in quotes, and `\x2c` is how Wireshark writes an
/// octet that it does not print.
fn fields(line: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut field = Field { text: String::new(), column: 1 };
    let mut quoted = false;
    for (place, letter) in line.trim_end().chars().enumerate() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                let next = Field { text: String::new(), column: place + 2 };
                fields.push(std::mem::replace(&mut field, next));
            }
            letter => field.text.push(letter),
        }
    }
    fields.push(field);
    for field in &mut fields {
        field.text = field.text.trim().to_owned();
    }
    fields
}

fn ike_line(fields: &[Field]) -> Result<(IkeKeys, usize), Flaw> {
    let [spi_i, spi_r, sk_ei, sk_er, encryption, sk_ai, sk_ar, integrity, ..] = fields else {
        return Err(too_few(fields));
    };
    let algorithms = ike_algorithms(&encryption.text, &integrity.text)
        .map_err(|unnamed| unknown(unnamed, encryption, integrity))?;
    let keys = IkeKeys {
        initiator_spi: spi_i.ike_spi()?,
        responder_spi: spi_r.ike_spi()?,
        algorithms,
        sk_ei: sk_ei.hex()?,
        sk_er: sk_er.hex()?,
        sk_ai: sk_ai.hex()?,
        sk_ar: sk_ar.hex()?,
    };
    Ok((keys, sk_ei.column))
}

fn esp_line(fields: &[Field]) -> Result<(EspKeys, usize), Flaw> {
    let [_, src, dst, spi, encryption, encr, authentication, integ, more @ ..] = fields else {
        return Err(too_few(fields));
    };
    let encr_key = encr.esp_key()?;
    let algorithms = esp_algorithms(&encryption.text, &encr_key, &authentication.text)
        .map_err(|unnamed| unknown(unnamed, encryption, authentication))?;
    let keys = EspKeys {
        src: src.address()?,
        dst: dst.address()?,
        spi: spi.esp_spi()?,
        algorithms,
        encr: encr_key,
        integ: integ.esp_key()?,
        // Newer releases have a column for it.
        esn: more.first().map(|length| length.text.starts_with("64")),
    };
    Ok((keys, encr.column))
}

fn too_few(fields: &[Field]) -> Flaw {
    let column = fields.last().map_or(1, |field| field.column);
    Flaw { column, what: format!("{} fields, expected 8", fields.len()) }
}

fn unknown(unnamed: Unnamed, encryption: &Field, integrity: &Field) -> Flaw {
    let field = match unnamed {
        Unnamed::Encryption => encryption,
        Unnamed::Integrity => integrity,
    };
    field.flaw(format!("\"{}\" is no algorithm that can be opened here", field.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Check;

    const IKE: &str = "1111111111111111,2222222222222222,00112233445566778899aabbccddeeff,\
        ffeeddccbbaa99887766554433221100,\"AES-CBC-128 [RFC3602]\",\
        0011223344556677889900112233445566778899,0011223344556677889900112233445566778899,\
        \"HMAC_SHA1_96 [RFC2404]\"";

    #[test]
    fn a_bad_line_is_named_by_line_and_column_and_the_others_count() {
        let text = format!("# comment\n{}\n\nshort,line\n{IKE}\n", IKE.replace("CBC", "XXX"));
        let mut table = KeyTable::default();
        let problems = table.read_ike("table", &text);
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "table:2:101: \"AES-XXX-128 [RFC3602]\" is no algorithm that can be opened here",
                "table:4:7: 2 fields, expected 8",
            ]
        );
        assert_eq!(table.ike().len(), 1);
        assert_eq!(table.ike()[0].initiator_spi, IkeSpi(0x1111_1111_1111_1111));
    }

    #[test]
    fn a_key_of_the_wrong_length_is_refused_at_its_column() {
        let text = IKE.replace("ccddeeff", "ccddee");
        let problems = KeyTable::default().read_ike("t", &text);
        let expected = "t:1:35: an encryption key of 15 octets, expected 16";
        assert_eq!(problems[0].to_string(), expected);
    }

    #[test]
    fn a_line_that_is_a_comment_for_wireshark_alone_is_read() {
        let key = "00".repeat(36);
        let line = format!(
            "1111111111111111,2222222222222222,{key},{key},\"ChaCha20-Poly1305 [RFC7634]\",,,\"NONE [RFC4306]\""
        );
        let mut table = KeyTable::default();
        assert_eq!(table.read_ike("ike", &format!("# {line}\n{OURS}{line}\n")), []);
        assert_eq!(table.ike().len(), 1);
        let problems = table.read_ike("ike", &format!("{OURS}{}", line.replace("ChaCha20", "X")));
        assert!(problems[0].to_string().starts_with("ike:1:191: "), "{problems:?}");
    }

    #[test]
    fn esp_lines_may_leave_addresses_open_and_skip_the_check() {
        let text = "\"IPv4\",\"*\",\"10.0.0.2\",\"0xc0000001\",\"AES-CBC [RFC3602]\",\
            \"0x00112233445566778899aabbccddeeff\",\
            \"ANY 96 bit authentication [no checking]\",\"0x00\"";
        let mut table = KeyTable::default();
        assert_eq!(table.read_esp("esp_sa", text), []);
        let [keys] = table.esp() else { panic!("{table:?}") };
        assert_eq!((keys.src, keys.spi), (None, Some(EspSpi(0xc000_0001))));
        assert_eq!(keys.algorithms.check, Check::Skipped { icv_len: 12 });
    }
}
