//! Who a peer says it is and how it proves it.

use super::registry;

registry! {
    /// The form of an identification (RFC 7296 §3.5).
    IdType(u8) {
        ID_IPV4_ADDR = 1;
        ID_FQDN = 2;
        ID_RFC822_ADDR = 3;
        ID_IPV6_ADDR = 5;
        ID_DER_ASN1_DN = 9;
        ID_DER_ASN1_GN = 10;
        ID_KEY_ID = 11;
        ID_FC_NAME = 12;
        ID_NULL = 13;
    }
}

registry! {
    /// The form of a certificate or of what is asked for (RFC 7296 §3.6).
    CertEncoding(u8) {
        PKCS7 = 1, "PKCS #7 wrapped X.509 certificate";
        PGP = 2, "PGP Certificate";
        DNS_SIGNED_KEY = 3, "DNS Signed Key";
        X509_SIGNATURE = 4, "X.509 Certificate - Signature";
        KERBEROS_TOKEN = 6, "Kerberos Token";
        CRL = 7, "Certificate Revocation List (CRL)";
        ARL = 8, "Authority Revocation List (ARL)";
        SPKI = 9, "SPKI Certificate";
        X509_ATTRIBUTE = 10, "X.509 Certificate - Attribute";
        HASH_AND_URL_X509 = 12, "Hash and URL of X.509 certificate";
        HASH_AND_URL_BUNDLE = 13, "Hash and URL of X.509 bundle";
        OCSP = 14, "OCSP Content";
        RAW_PUBLIC_KEY = 15, "Raw Public Key";
    }
}

registry! {
    /// How the AUTH payload was made (RFC 7296 §3.8).
    AuthMethod(u8) {
        RSA_SIGNATURE = 1, "RSA Digital Signature";
        SHARED_KEY_MIC = 2, "Shared Key Message Integrity Code";
        DSS_SIGNATURE = 3, "DSS Digital Signature";
        ECDSA_SHA256_P256 = 9, "ECDSA with SHA-256 on the P-256 curve";
        ECDSA_SHA384_P384 = 10, "ECDSA with SHA-384 on the P-384 curve";
        ECDSA_SHA512_P521 = 11, "ECDSA with SHA-512 on the P-521 curve";
        GENERIC_SECURE_PASSWORD = 12, "Generic Secure Password Authentication Method";
        NULL = 13, "NULL Authentication";
        DIGITAL_SIGNATURE = 14, "Digital Signature";
    }
}

registry! {
    /// A hash that a peer can use in digital signatures (RFC 7427 §4).
    HashAlgorithm(u16) {
        SHA1 = 1;
        SHA2_256 = 2, "SHA2-256";
        SHA2_384 = 3, "SHA2-384";
        SHA2_512 = 4, "SHA2-512";
        IDENTITY = 5, "Identity";
        STREEBOG_256 = 6;
        STREEBOG_512 = 7;
    }
}
