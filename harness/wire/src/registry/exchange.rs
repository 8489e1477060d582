//! Exchange types and payload types: what the header says (RFC 7296 §3.1, §3.2).

use super::registry;

registry! {
    /// Which exchange a message belongs to (RFC 7296 §3.1).
    ExchangeType(u8) {
        IKE_SA_INIT = 34;
        IKE_AUTH = 35;
        CREATE_CHILD_SA = 36;
        INFORMATIONAL = 37;
        IKE_SESSION_RESUME = 38;
        GSA_AUTH = 39;
        GSA_REGISTRATION = 40;
        GSA_REKEY = 41;
        GSA_INBAND_REKEY = 42;
        IKE_INTERMEDIATE = 43;
        IKE_FOLLOWUP_KE = 44;
    }
}

registry! {
    /// What a payload holds, by IANA's notation (RFC 7296 §3.2).
    PayloadType(u8) {
        NO_NEXT = 0, "NO_NEXT";
        SA = 33;
        KE = 34;
        IDI = 35, "IDi";
        IDR = 36, "IDr";
        CERT = 37;
        CERTREQ = 38;
        AUTH = 39;
        NONCE = 40, "NONCE";
        NOTIFY = 41, "N";
        DELETE = 42, "D";
        VENDOR_ID = 43, "V";
        TSI = 44, "TSi";
        TSR = 45, "TSr";
        SK = 46;
        CP = 47;
        EAP = 48;
        GSPM = 49;
        IDG = 50, "IDg";
        GSA = 51;
        KD = 52;
        SKF = 53;
        PS = 54;
    }
}
