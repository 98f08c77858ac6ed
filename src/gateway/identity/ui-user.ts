import { jwtVerify } from "jose";
import { JOSEError } from "jose/errors";

/**
 * Who asks, as Open WebUI signs for it: X-OpenWebUI-User-Jwt, HS256, with the user's id as subject. Its plain headers of the same
 * purpose are never believed. undefined where the token is wrong or over.
 */
export async function verifyUiUser(token: string, secret: Uint8Array): Promise<string | undefined> {
  try {
    const { payload } = await jwtVerify(token, secret, {
      algorithms: ["HS256"],
      requiredClaims: ["sub", "exp"],
      issuer: "open-webui",
    });
    return payload.sub === "" ? undefined : payload.sub;
  } catch (error) {
    if (error instanceof JOSEError) return undefined;
    throw error;
  }
}
