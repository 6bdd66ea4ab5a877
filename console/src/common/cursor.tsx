import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Flex, Table, type TableProps } from "antd";
import { useTranslation } from "react-i18next";
import { FailurePanel, Nothing } from "./states";

interface PageOf<Item> {
  items: Item[];
  next?: string | null;
}

/** Reads a list of the API page by page. `read` gets the cursor of a page. */
export function useCursor<Item>(key: readonly unknown[], read: (cursor: string | undefined) => Promise<PageOf<Item>>, refetchInterval?: number) {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    refetchInterval,
  });
  return { ...query, items: query.data?.pages.flatMap(({ items }) => items) ?? [] };
}

type Listed<Item> = ReturnType<typeof useCursor<Item>>;

interface Properties<Item> extends Omit<TableProps<Item>, "dataSource" | "loading" | "pagination"> {
  list: Listed<Item>;
  /** What it means that there is nothing. */
  nothing: string;
}

/** A table of a list that is read page by page. */
export function CursorTable<Item extends object>({ list, nothing, ...table }: Properties<Item>) {
  const { t } = useTranslation();
  if (list.error && list.items.length === 0) {
    return <FailurePanel failure={list.error} onRetry={() => void list.refetch()} />;
  }
  return (
    <Flex vertical gap={12}>
      {list.error ? <FailurePanel failure={list.error} onRetry={() => void list.refetch()} /> : null}
      <Table<Item>
        size="middle"
        scroll={{ x: "max-content" }}
        {...table}
        dataSource={list.items}
        loading={list.isPending}
        pagination={false}
        locale={{ emptyText: list.isPending ? " " : <Nothing text={nothing} /> }}
      />
      {list.hasNextPage && (
        <Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()} style={{ alignSelf: "center" }}>
          {t("more")}
        </Button>
      )}
    </Flex>
  );
}
