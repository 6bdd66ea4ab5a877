import { Alert, Button, Empty, Flex, Grid, Skeleton, Spin } from "antd";
import i18next from "i18next";
import type { ReactElement, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Failure } from "../api/failure";

/** Width of the list of a select that tells why it can't be read, in pixels. */
const UNREAD_WIDTH = 340;

/** Returns what happened, and what to do, in the reader's language. */
export function describe(error: unknown): { title: string; advice: string | null; details: string[] } {
  const failure = error instanceof Failure ? error : new Failure(-1, "unknown", String(error));
  const text = (key: string) => (i18next.exists(key, { ns: "errors" }) ? i18next.t(key as "requestId", { ns: "errors" }) : null);
  const details = failure.fields.map(({ name, reason }) => `${name}: ${reason}`);
  if (failure.requestId && failure.status >= 500) {
    details.push(i18next.t("requestId", { ns: "errors", id: failure.requestId }));
  }
  return {
    title: text(`codes.${failure.code}`) ?? failure.message,
    advice: text(`advice.${failure.code}`) ?? text(`advice.${failure.status}`),
    details,
  };
}

/** Shows what happened, what to do, and lets the user try again. */
export function FailurePanel({ failure, onRetry }: { failure: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const { title, advice, details } = describe(failure);
  const isWide = Grid.useBreakpoint().sm ?? true;
  const retry = onRetry && <Button onClick={onRetry}>{t("retry")}</Button>;
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={title}
      description={
        advice || details.length > 0 || (retry && !isWide) ? (
          <>
            {advice}
            {details.map((detail) => (
              <div key={detail} style={{ overflowWrap: "anywhere" }}>
                {detail}
              </div>
            ))}
            {/* Beside the text there is no room on a phone. */}
            {retry && !isWide && <div style={{ marginTop: 8 }}>{retry}</div>}
          </>
        ) : undefined
      }
      action={isWide ? retry : undefined}
    />
  );
}

/** The page, or a part of it, is on its way. */
export function Waiting() {
  return (
    <Flex justify="center" align="center" style={{ minHeight: 240 }}>
      <Spin size="large" />
    </Flex>
  );
}

/** There is nothing to show yet: says so, and offers what to do. */
export function Nothing({ text, children }: { text: string; children?: ReactNode }) {
  return (
    <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={text} style={{ padding: "32px 0" }}>
      {children}
    </Empty>
  );
}

interface Query<Data> {
  data: Data | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

/** Shows data of a query once they are there; before, that they are on their way; or why they are not. */
export function Loaded<Data>({ query, children }: { query: Query<Data>; children: (data: Data) => ReactNode }) {
  if (query.data !== undefined) {
    return (
      <>
        {query.error ? <FailurePanel failure={query.error} onRetry={() => void query.refetch()} /> : null}
        {children(query.data)}
      </>
    );
  }
  if (query.error) return <FailurePanel failure={query.error} onRetry={() => void query.refetch()} />;
  return <Skeleton active paragraph={{ rows: 6 }} />;
}

/** Properties of a select whose options can't be read: its list says why, and lets the user try again. */
export function unreadProperties({ error, refetch }: Pick<Query<unknown>, "error" | "refetch">) {
  if (!error) return {};
  return {
    status: "error" as const,
    popupMatchSelectWidth: UNREAD_WIDTH,
    // Below the list, which may have nothing but options.
    notFoundContent: <span />,
    popupRender: (list: ReactElement) => (
      <>
        {list}
        <FailurePanel failure={error} onRetry={() => void refetch()} />
      </>
    ),
  };
}
