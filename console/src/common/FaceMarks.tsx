import { theme } from "antd";
import type { Schema } from "../api/client";

/** A face to mark in a picture. */
export interface Marked {
  box: Schema<"Area">;
  /** Rotation in the picture, in degrees clockwise. */
  rotation?: number;
  landmarks?: Schema<"Landmarks"> | null;
  /** Short text at the box. */
  label?: string;
  tone: "good" | "bad" | "neutral";
}

interface Properties {
  /** Size of the picture in pixels, in which boxes and landmarks are. */
  width: number;
  height: number;
  faces: Marked[];
  selected?: number | null;
  onSelect?: (index: number) => void;
  /** Whether the picture below is shown as in a mirror; texts stay readable. */
  isMirrored?: boolean;
}

/** Boxes, landmarks and names, laid over a picture or a video that fills the same place. */
export function FaceMarks({ width, height, faces, selected, onSelect, isMirrored = false }: Properties) {
  const { token } = theme.useToken();
  const colors = { good: token.colorSuccess, bad: token.colorError, neutral: token.colorPrimary };
  const line = Math.max(width, height) / 300;
  const text = Math.max(width, height) / 36;
  return (
    <svg
      viewBox={`0 0 ${width} ${height}`}
      style={{ position: "absolute", inset: 0, width: "100%", height: "100%" }}
      aria-hidden
    >
      {faces.map(({ box, rotation = 0, landmarks, label, tone }, index) => {
        const x = isMirrored ? width - box.x - box.width : box.x;
        const turn = isMirrored ? -rotation : rotation;
        const isSelected = selected === index;
        const labelWidth = label ? widthOf(label) * text + text * 0.6 : 0;
        const labelX = Math.max(0, Math.min(x, width - labelWidth));
        const labelY = box.y >= text * 1.5 ? box.y - text * 1.5 : Math.min(box.y + box.height, height - text * 1.4);
        return (
          <g
            key={index}
            onClick={() => onSelect?.(index)}
            style={{ cursor: onSelect ? "pointer" : undefined }}
            stroke={colors[tone]}
            fill={colors[tone]}
          >
            <rect
              x={x}
              y={box.y}
              width={box.width}
              height={box.height}
              rx={line * 2}
              fillOpacity={isSelected ? 0.18 : 0}
              pointerEvents="all"
              strokeWidth={isSelected ? line * 2 : line}
              transform={turn ? `rotate(${turn} ${x + box.width / 2} ${box.y + box.height / 2})` : undefined}
            />
            {landmarks &&
              Object.entries(landmarks).map(([name, spot]) => (
                <circle
                  key={name}
                  cx={isMirrored ? width - spot.x : spot.x}
                  cy={spot.y}
                  r={Math.max(line * 1.1, box.width / 45)}
                  stroke={token.colorBgContainer}
                  strokeWidth={line / 3}
                />
              ))}
            {label && (
              <>
                <rect x={labelX} y={labelY} width={labelWidth} height={text * 1.4} rx={line} stroke="none" />
                <text x={labelX + text * 0.3} y={labelY + text * 1.02} fontSize={text} fill={token.colorBgContainer} stroke="none">
                  {label}
                </text>
              </>
            )}
          </g>
        );
      })}
    </svg>
  );
}

// In heights of the text: Chinese characters are as wide as they are high.
function widthOf(label: string): number {
  return [...label].reduce((width, character) => width + (character > "\u2e80" ? 1 : 0.58), 0);
}
