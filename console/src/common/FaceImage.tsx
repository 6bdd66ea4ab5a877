import { UserOutlined } from "@ant-design/icons";
import { theme } from "antd";
import { useState } from "react";
import { BASE } from "../api/client";

interface Properties {
  library: string;
  person: string;
  /** Id of the face; without it a placeholder is shown. */
  face: string | null | undefined;
  /** Whom it shows, for those who can't see it. */
  name: string;
  /** Side in pixels. */
  size?: number | string;
}

/** Side of a small thumbnail in pixels, up to which one is shown so large that it fills the pixels of fine screens. */
const SMALL = 64;

/** Path of the thumbnail of a face; `isLarge`: of twice the side. */
export function thumbnailOf(library: string, person: string, face: string, isLarge = false): string {
  return `${BASE}/libraries/${library}/people/${person}/faces/${face}/thumbnail${isLarge ? "?size=256" : ""}`;
}

/** A thumbnail of a face, or a placeholder if there is none. */
export function FaceImage({ library, person, face, name, size = 48 }: Properties) {
  const { token } = theme.useToken();
  const [failed, setFailed] = useState<string | null>(null);
  const style = { width: size, height: size, borderRadius: token.borderRadius, objectFit: "cover" as const, flex: "none" };
  if (!face || failed === face) {
    return (
      <span
        role="img"
        aria-label={name}
        style={{ ...style, display: "inline-grid", placeItems: "center", background: token.colorFillSecondary }}
      >
        <UserOutlined style={{ fontSize: 20, color: token.colorTextTertiary }} />
      </span>
    );
  }
  const isLarge = typeof size === "string" || size > SMALL;
  const source = thumbnailOf(library, person, face, isLarge);
  return <img src={source} alt={name} loading="lazy" style={style} onError={() => setFailed(face)} />;
}
