import { Tooltip } from "antd";
import dayjs from "dayjs";
import relativeTime from "dayjs/plugin/relativeTime";
import { useTranslation } from "react-i18next";

dayjs.extend(relativeTime);

/** A moment as text, in the browser's zone. */
export function momentText(moment: string | number): string {
  return dayjs(moment).format("YYYY-MM-DD HH:mm:ss");
}

/** A moment; `ago`: as the time since, with the moment as a tooltip. */
export function Moment({ at, ago = false }: { at: string | null | undefined; ago?: boolean }) {
  // Renders again when the language changes.
  useTranslation();
  if (!at) return <>—</>;
  const text = momentText(at);
  if (!ago) return <time dateTime={at}>{text}</time>;
  return (
    <Tooltip title={text}>
      <time dateTime={at}>{dayjs(at).fromNow()}</time>
    </Tooltip>
  );
}

/** A duration in milliseconds as text. */
export function durationText(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}
