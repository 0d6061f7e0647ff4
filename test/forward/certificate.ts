/*
 * A server's own certificate for localhost and connector.example, and its key: nobody trusts them. Made by
 * openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=connector.example -addext subjectAltName=DNS:connector.example,DNS:localhost
 */

export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBuDCCAV6gAwIBAgIUZKOj90q3/MJVsSunQCR4JoguHfswCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRY29ubmVjdG9yLmV4YW1wbGUwIBcNMjYxMTIyMTgxMDQ0WhgP
MjEyNjEwMjkxODEwNDRaMBwxGjAYBgNVBAMMEWNvbm5lY3Rvci5leGFtcGxlMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEy9Pu7ijeSP6wz7UCjtG0srdxIKwGl1Ug
DSSOyYEmBghAqEgk2/ZfAd3DBxNZay3Un6+P8h6gvUxiBcrHnLH9EKN8MHowHQYD
VR0OBBYEFJ1NUfJvyEVGUhaCpt6X4PwtC6P8MB8GA1UdIwQYMBaAFJ1NUfJvyEVG
UhaCpt6X4PwtC6P8MA8GA1UdEwEB/wQFMAMBAf8wJwYDVR0RBCAwHoIRY29ubmVj
dG9yLmV4YW1wbGWCCWxvY2FsaG9zdDAKBggqhkjOPQQDAgNIADBFAiEA7EHqaR/r
8gPZpXoNHM89tYnm3JX35rfDVVEx6NWv1NUCIHHxIK3DqKIjHMoQbCdFNrqdocNq
YDd4GDE9CKTfcxj1
-----END CERTIFICATE-----`

export const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghAfAIKV6KoI9ecfH
ff+/1FIFYdqN+bJEgb+1xiN2ECmhRANCAATL0+7uKN5I/rDPtQKO0bSyt3EgrAaX
VSANJI7JgSYGCECoSCTb9l8B3cMHE1lrLdSfr4/yHqC9TGIFysecsf0Q
-----END PRIVATE KEY-----`
