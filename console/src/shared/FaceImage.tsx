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

/** Path of the thumbnail of a face. */
export function thumbnailOf(library: string, person: string, face: string): string {
  return `${BASE}/libraries/${library}/people/${person}/faces/${face}/thumbnail`;
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
  return (
    <img src={thumbnailOf(library, person, face)} alt={name} loading="lazy" style={style} onError={() => setFailed(face)} />
  );
}
